// How ages read; the same as on the server (service/dashboard/words.py).
const STEPS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];

/** Seconds as `45 s`, `12 min`, `3 h`, `2 d`. */
export function span(seconds) {
  const whole = Math.floor(seconds);
  for (const [size, unit] of STEPS) if (whole >= size) return `${Math.floor(whole / size)} ${unit}`;
  return "0 s";
}

export const age = (moment) => span(Math.max(0, (Date.now() + drift - Date.parse(moment)) / 1000));

export function left(moment) {
  const seconds = (Date.parse(moment) - Date.now() - drift) / 1000;
  return seconds > 0 ? span(seconds) : "over";
}

export const number = (value) => Number(value).toLocaleString("en");

export const shortId = (id) => `${id.slice(0, 8)}…${id.slice(-6)}`;

/** `2026-03-15 10:00:32 UTC` */
export const clock = (moment) => `${new Date(moment).toISOString().slice(0, 19).replace("T", " ")} UTC`;

let drift = 0;
/** This machine's clock may be wrong; ages are by the service's. */
export function setClock(serverTime) {
  drift = Date.parse(serverTime) - Date.now();
}

/** Every age and every time left beneath `root` as of now. */
export function tick(root = document) {
  for (const time of root.querySelectorAll("time[data-age]")) put(time, age(time.dateTime));
  for (const time of root.querySelectorAll("time[data-left]")) put(time, left(time.dateTime));
}

export function put(node, text) {
  if (node && node.textContent !== text) node.textContent = text;
}
