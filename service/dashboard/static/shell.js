// On every page: theme, ages, keyboard, images that are gone, and pages that refresh themselves.
import { showLive } from "./live.js";
import { refresh } from "./refresh.js";
import { tick } from "./words.js";

const PAGES = { j: "/", d: "/deliveries", h: "/health", a: "/audit" };
const G_WITHIN = 1200;

function toggleTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  remember("theme", root.dataset.theme);
}

function remember(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // forbidden: it lasts as long as this page
  }
}

function recalled(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

document.getElementById("theme").addEventListener("click", toggleTheme);

// Keyboard

const help = document.getElementById("shortcuts");
const switched = document.getElementById("shortcuts-on");
switched.checked = recalled("shortcuts") !== "off";
switched.addEventListener("change", () => remember("shortcuts", switched.checked ? "on" : "off"));
document.getElementById("help").addEventListener("click", () => help.showModal());

let gAt = -Infinity;
const rows = () => [...document.querySelectorAll("tr[data-job], tr[data-row]")].filter((row) => row.closest("table"));

function move(by) {
  const all = rows();
  const at = all.findIndex((row) => row.contains(document.activeElement) || row.classList.contains("current"));
  const next = all[at < 0 ? 0 : Math.min(all.length - 1, Math.max(0, at + by))];
  if (!next) return;
  all[at]?.classList.remove("current");
  next.classList.add("current");
  (next.querySelector("a.open") ?? next).focus();
  next.scrollIntoView({ block: "nearest" });
}

const KEYS = {
  "/": () => document.getElementById("search").focus(),
  "?": () => help.showModal(),
  r: () => document.dispatchEvent(new CustomEvent("refresh-now")) && refresh(),
  t: toggleTheme,
  j: () => move(1),
  k: () => move(-1),
  x: () => document.querySelector("tr.current input[name=pick]")?.click(),
  Enter: () => document.querySelector("tr.current a.open")?.click(),
};

/** A dialog just closed keeps the focus until Chromium draws again: what is pressed then is for the page. */
const typedInto = (target) => (target.closest("dialog:not([open])") ? null : target.closest("input, textarea, select, dialog"));

function onKey(event) {
  const typing = typedInto(event.target);
  if (event.key === "Escape" && typing?.id === "search") typing.blur();
  if (typing || event.ctrlKey || event.metaKey || event.altKey || !switched.checked) return;
  if (event.key === "Enter" && event.target.closest("a, button, summary")) return;
  const page = PAGES[event.key];
  if (event.timeStamp - gAt < G_WITHIN && page) {
    const link = document.querySelector(`header nav a[href="${page}"]`);
    if (link) link.click();
  } else if (KEYS[event.key]) {
    KEYS[event.key]();
  } else {
    gAt = event.key === "g" ? event.timeStamp : -Infinity;
    return;
  }
  gAt = -Infinity;
  event.preventDefault();
}

document.removeEventListener("keydown", globalThis.early.note);
document.addEventListener("keydown", onKey);
globalThis.early.pressed.splice(0).forEach(onKey);

document.addEventListener("focusin", (event) => {
  for (const row of document.querySelectorAll("tr.current")) if (!row.contains(event.target)) row.classList.remove("current");
});

// Images that cannot be had any more

function gone(image) {
  const word = document.createElement("span");
  word.className = "thumb none";
  word.dataset.gone = "";
  word.textContent = image.classList.contains("thumb") ? "" : "This image cannot be had any more.";
  image.replaceWith(word);
}
document.addEventListener("error", (event) => event.target.matches?.("main img") && gone(event.target), true);
for (const image of document.querySelectorAll("main img")) if (image.complete && image.src && !image.naturalWidth) gone(image);

// Time goes on, for whoever looks

setInterval(() => document.hidden || tick(), 1000);
tick();

const each = Number(document.body.dataset.refresh);
if (each) {
  const again = async () => document.hidden || showLive(await refresh());
  setInterval(again, each * 1000);
  document.addEventListener("visibilitychange", again);
  showLive(true);
}
