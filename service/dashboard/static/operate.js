// Buttons of operators, one action each. Those of a selection of jobs are in jobs.js.
import { call } from "./api.js";
import { ask, tell } from "./dialogs.js";
import { refresh } from "./refresh.js";

const ACTIONS = {
  async pause() {
    const text = "Jobs are taken as before and wait. What Apiframe has already goes on.";
    const reason = await ask({ title: "Pause submitting?", text, confirm: "Pause", danger: true, reason: true });
    if (!reason) return;
    await call("POST", "/v1/queue/pause", { reason });
    return "Submitting is paused.";
  },
  async resume() {
    await call("POST", "/v1/queue/resume");
    return "Submitting goes on.";
  },
  async refresh({ job }) {
    const found = await call("POST", `/v1/jobs/${job}/refresh`);
    return `Apiframe was asked: ${found.status}.`;
  },
  async cancel({ job }) {
    const text = "It has not been submitted, and will not be.";
    if ((await ask({ title: "Cancel this job?", text, confirm: "Cancel the job", danger: true })) === null) return;
    await call("POST", `/v1/jobs/${job}/cancel`);
    return "The job is cancelled.";
  },
  async replay({ entry }) {
    const { outcome } = await call("POST", `/v1/quarantine/${entry}/replay`);
    return `Replayed: ${outcome}.`;
  },
  async delete({ entry }) {
    const text = "It goes for good, and has changed nothing.";
    if ((await ask({ title: "Delete this delivery?", text, confirm: "Delete", danger: true })) === null) return;
    await call("DELETE", `/v1/quarantine/${entry}`);
    return "Deleted.";
  },
};

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-action]");
  if (!button || button.dataset.scope === "bulk") return;
  button.disabled = true;
  try {
    const said = await ACTIONS[button.dataset.action](button.dataset);
    if (said) tell(said);
    if (said) await refresh();
  } catch (error) {
    tell(error.message, "bad");
  } finally {
    button.disabled = false;
  }
});
