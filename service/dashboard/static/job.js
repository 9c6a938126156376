// A job's page follows its stream: each change is fetched as it reads on the server.
import { follow, showLive } from "./live.js";
import { refresh } from "./refresh.js";

const head = document.querySelector(".jobhead");
const FINAL = ["COMPLETED", "FAILED", "CANCELLED"];
const SETTLE = 250;

if (head.dataset.stream) {
  let timer = 0;
  const end = follow(head.dataset.stream, {
    onJob(job) {
      clearTimeout(timer);
      timer = setTimeout(refresh, SETTLE);
      if (FINAL.includes(job.status)) {
        end();
        showLive(false, "final");
      }
    },
    onGap: () => refresh(),
  });
} else if (FINAL.includes(head.dataset.status)) {
  showLive(false, "final");
}
