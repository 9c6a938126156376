// Server-sent events of jobs, and the word in the corner on whether this page follows what happens.
import { put } from "./words.js";

const AGAIN_AFTER = 3000;

export function showLive(on, word = on ? "live" : "not live") {
  const shown = document.querySelector("[data-live]");
  if (!shown) return;
  shown.dataset.live = on ? "on" : "off";
  put(shown.querySelector("[data-live-word]"), word);
}

/**
 * Follows `url`: `onJob(job)` for each event, `onGap()` where changes were missed, `onOpen()` at each connection.
 * EventSource resumes by itself with the last id; where it gives up (a 503), a new one is made. Returns what ends it.
 */
export function follow(url, { onJob, onGap = () => {}, onOpen = () => {} }) {
  let source = null;
  let timer = 0;
  let ended = false;
  const begin = () => {
    source = new EventSource(url);
    source.addEventListener("open", () => (showLive(true), onOpen()));
    source.addEventListener("job", (event) => onJob(JSON.parse(event.data)));
    source.addEventListener("gap", () => onGap());
    source.addEventListener("error", () => {
      if (ended) return;
      showLive(false);
      if (source.readyState === EventSource.CLOSED) timer = setTimeout(begin, AGAIN_AFTER);
    });
  };
  const end = () => {
    ended = true;
    clearTimeout(timer);
    source?.close();
    showLive(false);
  };
  begin();
  addEventListener("pagehide", end);
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    ended = false;
    begin();
    onGap();
  });
  return end;
}
