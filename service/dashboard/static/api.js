// The JSON API, as the session's owner. Every action carries the session's token.
export class Refused extends Error {}

const leave = new AbortController();
document.querySelector('form[action="/sign-out"]')?.addEventListener("submit", () => leave.abort());
/** Aborted once somebody signs out: what is under way then would be refused, and is of no use any more. */
export const leaving = leave.signal;

export async function call(method, path, body) {
  const headers = { Accept: "application/json" };
  if (method !== "GET") headers["X-CSRF-Token"] = document.querySelector("meta[name=csrf-token]").content;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    const sent = body === undefined ? undefined : JSON.stringify(body);
    answer = await fetch(path, { method, headers, body: sent, signal: leaving });
  } catch {
    if (leaving.aborted) return new Promise(() => {});
    throw new Refused("The service does not answer. Try again in a moment.");
  }
  if (answer.status === 401) toSignIn();
  if (answer.status === 204) return null;
  const told = await answer.json().catch(() => null); // none where the page is left while the answer comes
  if (!answer.ok || told === null) throw new Refused(told?.detail || `The service answered ${answer.status}.`);
  return told;
}

/** The session is over: back here afterwards. */
export function toSignIn() {
  location.assign(`/sign-in?${new URLSearchParams({ next: location.pathname + location.search })}`);
}
