// Before anything is painted: the theme that was chosen here last, if any, else the system's. And what is typed while the
// modules are still on their way is kept for shell.js: whoever knows the keys is faster than a page.
"use strict";
try {
  const chosen = localStorage.getItem("theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // storage is forbidden: the system's theme it is
}
globalThis.early = {
  pressed: [],
  note: (event) => globalThis.early.pressed.push(event),
};
document.addEventListener("keydown", globalThis.early.note);
