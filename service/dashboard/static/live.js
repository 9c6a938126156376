// Server-sent events of jobs, and the word in the corner on whether this page follows what happens.
import { leaving } from "./api.js";
import { fetched } from "./refresh.js";
import { put } from "./words.js";

const AGAIN_AFTER = 3000;
const HIDDEN_FOR = 20000;

export function showLive(on, word = on ? "live" : "not live") {
  const shown = document.querySelector("[data-live]");
  if (!shown) return;
  shown.dataset.live = on ? "on" : "off";
  put(shown.querySelector("[data-live-word]"), word);
}

/**
 * Follows `url`: `onJob(job)` for each event, `onGap()` where changes may have been missed, `onOpen()` at each connection.
 * EventSource resumes by itself with the last id; where it gives up (a 503, a session that is over), the page is asked
 * for first. A tab that nobody looks at lets go: browsers have six connections for a host. Returns what ends it.
 */
export function follow(url, { onJob, onGap = () => {}, onOpen = () => {} }) {
  let source = null;
  let timer = 0;
  let ended = false;
  const begin = () => {
    clearTimeout(timer);
    source?.close();
    source = new EventSource(url);
    source.addEventListener("open", () => (showLive(true), onOpen()));
    source.addEventListener("job", (event) => onJob(JSON.parse(event.data)));
    source.addEventListener("gap", () => onGap());
    source.addEventListener("error", () => {
      showLive(false);
      if (source.readyState === EventSource.CLOSED) timer = setTimeout(beginAgain, AGAIN_AFTER);
    });
  };
  const beginAgain = async () => {
    if (await fetched()) resume();
    else if (!ended && source) timer = setTimeout(beginAgain, AGAIN_AFTER);
  };
  const resume = () => {
    if (ended || document.hidden) return;
    begin();
    onGap();
  };
  const letGo = () => {
    clearTimeout(timer);
    source?.close();
    source = null;
    showLive(false);
  };
  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (document.hidden) timer = setTimeout(letGo, HIDDEN_FOR);
    else if (source?.readyState !== EventSource.OPEN) resume();
  });
  addEventListener("pagehide", letGo);
  leaving.addEventListener("abort", letGo);
  addEventListener("pageshow", (event) => event.persisted && resume());
  begin();
  return () => {
    ended = true;
    letGo();
  };
}
