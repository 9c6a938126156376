// The jobs page: rows follow the stream, counts follow the rows, and a selection is acted upon after its count was shown.
import { call } from "./api.js";
import { ask, tell } from "./dialogs.js";
import { follow } from "./live.js";
import { refresh } from "./refresh.js";
import { age, clock, left, number, put, setClock, shortId } from "./words.js";

const table = document.getElementById("jobs");
const body = table.querySelector("[data-rows]");
const blank = document.getElementById("row").content.firstElementChild;
const statuses = table.dataset.statuses.split(" ").filter(Boolean);
const first = table.dataset.first === "yes" && table.dataset.matching === "yes";
const limit = Number(table.dataset.limit);
const COUNTS_EACH = 2000;
const COUNTS_ANYWAY = 15000;
const AT_TOP = 160;
const GROWS_BY = 100;
const LABELS = 3;
const openedAt = table.dataset.now;
const waiting = new Map();

const wanted = (job) => !statuses.length || statuses.includes(job.status);
const rowOf = (id) => body.querySelector(`tr[data-job="${CSS.escape(id)}"]`);

// A row

/** Older than what is known (ms, NaN where nothing is): a list may come after what the stream has told since it was read. */
const isPast = (job, known) => Date.parse(job.updatedAt) < known;

function fill(row, job) {
  if (isPast(job, Number(row.dataset.updated))) return;
  row.dataset.updated = Date.parse(job.updatedAt);
  const part = (name) => row.querySelector(`[data-field="${name}"]`);
  row.dataset.job = job.id;
  row.dataset.status = job.status;
  row.dataset.created = job.createdAt;
  put(part("status"), job.status);
  part("status").dataset.state = job.status;
  part("progress").value = job.progress;
  part("progress").setAttribute("aria-label", `Progress of job ${job.id}`);
  put(part("percent"), `${job.progress} %`);
  put(part("note"), wanted(job) ? (job.error?.code ?? "") : "no longer matches");
  row.classList.toggle("gone", !wanted(job));
  put(part("credits"), job.creditCost ?? "–");
  put(part("settled"), job.settledBy ?? "–");
  owner(part("owner"), job);
  title(part("open"), job);
  time(part("age"), "age", job.createdAt, clock(job.createdAt));
  time(part("expires"), "left", job.resultExpiresAt, `until ${job.resultExpiresAt && clock(job.resultExpiresAt)}`);
  picture(part("picture"), job);
}

function owner(link, job) {
  put(link, job.owner);
  link.href = `/?${new URLSearchParams({ owner: job.owner })}`;
}

function title(link, job) {
  put(link, job.prompt || (job.action === "inpaint" ? "Job without a prompt" : job.action || "Somebody's job"));
  link.href = `/jobs/${job.id}`;
}

function time(cell, kind, moment, said) {
  if (!moment) return put(cell, "–");
  let shown = cell.querySelector("time");
  if (!shown) cell.replaceChildren((shown = document.createElement("time")));
  shown.dataset[kind] = "";
  shown.dateTime = moment;
  shown.title = said;
  put(shown, kind === "age" ? age(moment) : left(moment));
}

function picture(cell, job) {
  const there = job.result?.images.length && !(Date.parse(job.resultExpiresAt) < Date.now());
  if (!there || cell.querySelector("img, [data-gone]")) return;
  const image = new Image(44, 44);
  image.className = "thumb";
  image.loading = "lazy";
  image.alt = `Result of job ${job.id.slice(-6)}`;
  image.src = `/v1/jobs/${job.id}/images/${job.result.gridUrl ? "grid" : "1"}?width=96`;
  cell.replaceChildren(image);
}

function made(job) {
  const row = document.importNode(blank, true);
  const code = row.querySelector("[data-field=id] code");
  code.textContent = shortId(job.id);
  code.title = job.id;
  const pick = row.querySelector("input[name=pick]");
  if (pick) [pick.value, pick.ariaLabel] = [job.id, `Select job ${job.id}`];
  row.querySelector("[data-field=labels]").replaceChildren(...labels(Object.entries(job.labels)));
  fill(row, job);
  row.classList.add("new");
  return row;
}

function labels(pairs) {
  const shown = pairs.slice(0, LABELS).map(label);
  if (pairs.length <= LABELS) return shown;
  const more = document.createElement("span");
  more.className = "soft small";
  more.textContent = `+${pairs.length - LABELS}`;
  return [...shown, more];
}

function label([name, value]) {
  const link = document.createElement("a");
  link.className = "label";
  link.href = `/?${new URLSearchParams({ [`label.${name}`]: value })}`;
  link.textContent = `${name}=${value}`;
  return link;
}

// Jobs that come in

const idOf = (row) => row?.dataset.job ?? "";
const hasOlder = () => document.querySelector(".pager a[rel=next]") !== null;
const undisturbed = () => scrollY < AT_TOP && !picked().length && !waiting.size && !body.contains(document.activeElement) && body.children.length < limit + GROWS_BY;

/** On the first page a job takes its place by its id, unless that would move what somebody reads; then it waits. */
function add(job) {
  if (!wanted(job)) return;
  if (!first) return job.createdAt > openedAt ? hold(job) : undefined;
  if (hasOlder() && job.id < idOf(body.lastElementChild)) return;
  if (undisturbed()) insert(job);
  else hold(job);
}

/** No row leaves at the other end: the next page begins where this one ended when it was made. */
function insert(job) {
  const below = [...body.children].find((row) => idOf(row) < job.id);
  body.insertBefore(made(job), below ?? null);
  document.querySelector("[data-empty]").hidden = true;
}

function hold(job) {
  if (isPast(job, Date.parse(waiting.get(job.id)?.updatedAt))) return;
  waiting.set(job.id, job);
  const button = document.getElementById("fresh");
  button.textContent = `${number(waiting.size)} new ${waiting.size === 1 ? "job" : "jobs"}`;
  button.parentElement.hidden = false;
}

document.getElementById("fresh").addEventListener("click", () => {
  if (!first || waiting.size + body.children.length > limit + GROWS_BY) {
    return location.assign(table.dataset.newest);
  }
  const held = [...waiting.values()];
  waiting.clear();
  document.getElementById("fresh").parentElement.hidden = true;
  held.forEach(insert);
  scrollTo({ top: 0 });
});

// Counts

let countedAt = 0;
let countTimer = 0;

function countSoon() {
  if (countTimer || document.hidden) return;
  countTimer = setTimeout(count, Math.max(0, countedAt + COUNTS_EACH - Date.now()));
}

async function count() {
  countTimer = 0;
  if (document.hidden) return;
  countedAt = Date.now();
  let stats;
  try {
    stats = await call("GET", "/v1/stats");
  } catch {
    return;
  }
  setClock(stats.at);
  let all = 0;
  for (const [status, jobs] of Object.entries(stats.jobs)) {
    all += jobs;
    put(document.querySelector(`[data-count="${status}"]`), number(jobs));
  }
  put(document.querySelector("[data-count=all]"), number(all));
  put(document.querySelector("[data-part=inflight]"), `${number(stats.inFlight)} of ${number(stats.maxInFlight)} slots in use · ${number(stats.queueDepth)} waiting`);
  if (Boolean(stats.paused) !== Boolean(document.querySelector("[data-part=paused] .notice"))) refresh(["paused"]);
}

setInterval(countSoon, COUNTS_ANYWAY);
document.addEventListener("visibilitychange", countSoon);

// The stream

if (table.dataset.matching === "yes") {
  follow(table.dataset.stream, {
    onJob(job) {
      const row = rowOf(job.id);
      if (row) fill(row, job);
      else if (waiting.has(job.id)) hold(job);
      else add(job);
      countSoon();
    },
    onGap: listAgain,
    onOpen: listAgain,  // what changed since the page was made, or since a stream ended that had sent no event to resume from
  });
}

document.addEventListener("refresh-now", listAgain);

/** The list as it is now. Rows that are shown stay where they are; of the first page, new ones come in or are held. */
async function listAgain() {
  if (table.dataset.matching === "no") return;
  const query = new URLSearchParams(location.search);
  query.set("limit", String(limit));
  try {
    const { jobs } = await call("GET", `/v1/jobs?${query}`);
    for (const job of jobs.reverse()) {
      const row = rowOf(job.id);
      if (row) fill(row, job);
      else if (first) add(job);
    }
    await changedElsewhere(new Set(jobs.map((job) => job.id)));
  } catch (error) {
    tell(error.message, "bad");
  }
  countSoon();
}

/** Rows that the list has no more: they were changed meanwhile. */
async function changedElsewhere(listed) {
  const oldest = [...listed].sort()[0];
  const missing = [...body.children].filter((row) => !listed.has(row.dataset.job) && !(row.dataset.job < oldest));
  for (const row of missing.slice(0, limit)) {
    const job = await call("GET", `/v1/jobs/${row.dataset.job}`).catch(() => null);
    if (job) fill(row, job);
    else row.remove();
  }
}

// A selection

const bulk = document.getElementById("bulk");
let everything = false;

const picked = () => [...body.querySelectorAll("input[name=pick]:checked")].map((pick) => pick.value);

function showSelection() {
  const ids = picked();
  if (!ids.length) everything = false;
  if (bulk.hidden && ids.length) countMatching();
  bulk.hidden = !ids.length;
  put(bulk.querySelector("[data-bulk=count]"), everything ? `All ${matching} that match` : number(ids.length));
  put(bulk.querySelector("[data-bulk=all]"), `Select all ${matching} that match`);
  bulk.querySelector("[data-bulk=all]").hidden = everything;
  const all = document.getElementById("pick-all");
  const boxes = body.querySelectorAll("input[name=pick]").length;
  all.checked = ids.length > 0 && ids.length === boxes;
  all.indeterminate = ids.length > 0 && ids.length < boxes;
}

let matching = "";

/** How many the filters match, on pages that are not shown, too. */
async function countMatching() {
  try {
    const { matched, more } = await call("POST", "/v1/jobs/actions", { action: "refresh", filter: filter(), dryRun: true });
    matching = `${number(matched)}${more ? "+" : ""}`;
  } catch (error) {
    matching = "";
    tell(error.message, "bad");
  }
  showSelection();
}

function pickAll(on) {
  for (const pick of body.querySelectorAll("input[name=pick]")) pick.checked = on;
  showSelection();
}

/** The address bar's filters as the bulk route takes them. */
function filter() {
  const query = new URLSearchParams(location.search);
  const found = {};
  if (query.has("status")) found.status = query.getAll("status");
  for (const name of ["owner", "parentJobId", "createdAfter", "createdBefore"]) if (query.has(name)) found[name] = query.get(name);
  const labels = [...query].filter(([name]) => name.startsWith("label."));
  if (labels.length) found.labels = Object.fromEntries(labels.map(([name, value]) => [name.slice(6), value]));
  return found;
}

const jobsOf = (count) => `${number(count)} ${count === 1 ? "job" : "jobs"}`;
const WORDS = {
  cancel: { title: "Cancel jobs?", would: "would be cancelled", did: "cancelled", confirm: "Cancel" },
  refresh: { title: "Ask Apiframe?", would: "would be asked about", did: "will be asked about", confirm: "Ask about" },
};

/** Counted first; then, where somebody says so, done. */
async function act(action) {
  const body = { action, ...(everything ? { filter: filter() } : { ids: picked() }) };
  const words = WORDS[action];
  const dry = await call("POST", "/v1/jobs/actions", { ...body, dryRun: true });
  const text = `Of ${jobsOf(dry.matched)}${dry.more ? " (the first of more)" : ""}, ${number(dry.touched)} ${words.would}.` + (dry.refusedCount ? ` ${number(dry.refusedCount)} cannot be:` : "");
  const confirm = dry.touched ? `${words.confirm} ${jobsOf(dry.touched)}` : null;
  if ((await ask({ title: words.title, text, list: reasons(dry), confirm, danger: action === "cancel" })) === null) return;
  const done = await call("POST", "/v1/jobs/actions", { ...body, dryRun: false });
  tell(`${jobsOf(done.touched)} ${words.did}${done.refusedCount ? `, ${number(done.refusedCount)} refused` : ""}${done.more ? "; there are more" : ""}.`);
  pickAll(false);
  await listAgain();
}

/** Each reason once, with how many it holds for. */
function reasons({ refused, refusedCount }) {
  const counted = new Map();
  for (const { reason } of refused) counted.set(reason, (counted.get(reason) ?? 0) + 1);
  const lines = [...counted].slice(0, 6).map(([reason, count]) => `${jobsOf(count)}: ${reason}`);
  return refusedCount > refused.length ? [...lines, `and ${number(refusedCount - refused.length)} more`] : lines;
}

if (bulk) {
  body.addEventListener("change", (event) => {
    if (event.target.name !== "pick") return;
    everything = false;
    showSelection();
  });
  document.getElementById("pick-all").addEventListener("change", (event) => ((everything = false), pickAll(event.target.checked)));
  bulk.querySelector("[data-bulk=none]").addEventListener("click", () => pickAll(false));
  bulk.querySelector("[data-bulk=all]").addEventListener("click", () => ((everything = true), pickAll(true)));
  for (const button of bulk.querySelectorAll("[data-action]")) {
    button.addEventListener("click", async () => {
      button.disabled = true;
      await act(button.dataset.action).catch((error) => tell(error.message, "bad"));
      button.disabled = false;
    });
  }
}
