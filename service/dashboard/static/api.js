// The JSON API, as the session's owner. Every action carries the session's token.
export class Refused extends Error {}

export async function call(method, path, body) {
  const headers = { Accept: "application/json" };
  if (method !== "GET") headers["X-CSRF-Token"] = document.querySelector("meta[name=csrf-token]").content;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw new Refused("The service does not answer. Try again in a moment.");
  }
  if (answer.status === 401) toSignIn();
  const told = answer.status === 204 ? null : await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused(told.detail || `The service answered ${answer.status}.`);
  return told;
}

/** The session is over: back here afterwards. */
export function toSignIn() {
  location.assign(`/sign-in?${new URLSearchParams({ next: location.pathname + location.search })}`);
}
