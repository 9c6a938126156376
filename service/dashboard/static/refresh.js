// The page as it is now, fetched anew; its parts take the place of those shown, and where one stands is kept.
import { leaving, toSignIn } from "./api.js";
import { tick } from "./words.js";

let underway = null;
let next = null;

/**
 * Of the address in the bar; resolves to whether it could be had. One at a time: who asks while one is underway shares the
 * one after it, since what that one fetches may be older than what they have heard of.
 */
export function refresh(only = null) {
  if (underway) return (next ??= underway.then(() => ((next = null), refresh())));
  underway = fetched().then((page) => page !== null && swap(page, only)).finally(() => (underway = null));
  return underway;
}

export async function fetched() {
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, redirect: "manual", signal: leaving });
    if (answer.type === "opaqueredirect") toSignIn();
    if (!answer.ok) return null;
    return new DOMParser().parseFromString(await answer.text(), "text/html");
  } catch {
    return null;
  }
}

function swap(page, only) {
  for (const shown of document.querySelectorAll("[data-part]")) {
    const name = shown.dataset.part;
    const fresh = page.querySelector(`[data-part="${CSS.escape(name)}"]`);
    if (!fresh || (only && !only.includes(name)) || shown.contains(selected())) continue;
    keepOpen(shown, fresh);
    const focus = focusWithin(shown);
    for (const { name: key, value } of fresh.attributes) shown.setAttribute(key, value);
    shown.replaceChildren(...document.importNode(fresh, true).childNodes);
    focus?.(shown);
  }
  tick();
  return true;
}

/** What is being selected for copying is not taken away. */
function selected() {
  const selection = getSelection();
  return selection && !selection.isCollapsed ? selection.anchorNode : null;
}

function keepOpen(shown, fresh) {
  const key = (one, n) => one.closest("[data-entry]")?.dataset.entry ?? n;
  const open = new Set([...shown.querySelectorAll("details")].flatMap((one, n) => (one.open ? [key(one, n)] : [])));
  [...fresh.querySelectorAll("details")].forEach((one, n) => open.has(key(one, n)) && one.setAttribute("open", ""));
}

function focusWithin(part) {
  const active = document.activeElement;
  if (!part.contains(active)) return null;
  const all = [...part.querySelectorAll("a, button, input, summary, [tabindex]")];
  const place = all.indexOf(active);
  const { action, entry } = active.dataset;
  return (renewed) => {
    const same = action && renewed.querySelector(`[data-action="${action}"]${entry ? `[data-entry="${CSS.escape(entry)}"]` : ""}`);
    const found = same || renewed.querySelectorAll("a, button, input, summary, [tabindex]")[place];
    found?.focus({ preventScroll: true });
  };
}
