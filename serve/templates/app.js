"use strict";

// Sends the videos that are dropped or chosen, tells how far they are, and shows the report.

const form = document.getElementById("send");
const drop = document.getElementById("drop");
const chooser = document.getElementById("videos");
const working = document.getElementById("working");
const said = document.getElementById("said");
const bar = document.getElementById("bar");
const failed = document.getElementById("failed");
const ASK_EVERY = 300; // milliseconds
let busy = false;

for (const name of ["dragenter", "dragover"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
}
for (const name of ["dragleave", "drop"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    if (name === "drop" || event.relatedTarget === null) drop.classList.remove("over");
  });
}
document.addEventListener("drop", (event) => send([...event.dataTransfer.files]));
chooser.addEventListener("change", () => send([...chooser.files]));
form.addEventListener("submit", (event) => event.preventDefault());

for (const button of document.querySelectorAll(".delete")) {
  button.addEventListener("click", () => remove(button));
}
for (const time of document.querySelectorAll("time")) {
  const moment = new Date(time.dateTime);
  if (!Number.isNaN(moment.getTime())) time.textContent = moment.toLocaleString();
}

function send(videos) {
  if (busy || videos.length === 0) return;
  const wrong = fault(videos);
  if (wrong !== "") return fail(wrong);
  if (!form.reportValidity()) {
    chooser.value = "";
    return;
  }
  failed.hidden = true;
  const data = new FormData();
  for (const field of form.elements) {
    if (field.name && field.type !== "file" && field.value !== "") data.append(field.name, field.value);
  }
  for (const video of videos) data.append("video", video, video.name);
  const request = new XMLHttpRequest();
  request.open("POST", "/reports");
  request.upload.addEventListener("progress", (event) => {
    if (event.lengthComputable) tell("Sending " + many(videos), (0.2 * event.loaded) / event.total);
  });
  request.addEventListener("load", () => {
    const answer = parsed(request.responseText);
    if (request.status === 202) follow(answer.job, 0);
    else fail(answer.detail || "The server answered with " + request.status + ".");
  });
  request.addEventListener("error", () => fail("The server cannot be reached, or took no more of the file. Is it still running?"));
  begin("Sending " + many(videos));
  request.send(data);
}

function fault(videos) {
  const most = Number(form.dataset.most), megabytes = Number(form.dataset.megabytes);
  if (videos.length > most) return "At most " + most + " videos at once.";
  const bytes = videos.reduce((sum, video) => sum + video.size, 0);
  if (bytes > megabytes * 1048576) return "Larger than the " + megabytes + " MB that are taken at once.";
  const empty = videos.find((video) => video.size === 0);
  return empty ? empty.name + ": an empty file, or a folder." : "";
}

async function follow(job, lost) {
  let state;
  try {
    const answer = await fetch("/jobs/" + job);
    state = await answer.json();
    if (!answer.ok) return fail(state.detail);
    lost = 0;
  } catch {
    if (lost > 20) return fail("The server cannot be reached. Is it still running?");
    state = { state: "waiting", said: "" };
    lost += 1;
  }
  if (state.state === "failed") return fail(state.said);
  if (state.state === "done") {
    tell("The report is ready.", 1);
    busy = false;
    window.location.assign("/reports/" + state.report);
    return;
  }
  if (state.state === "working") {
    const which = state.done < state.of ? (state.done + 1) + " of " + state.of : "writing the page";
    tell("Scoring: " + state.said + " (" + which + ")", 0.2 + (0.75 * (state.done + 0.3)) / (state.of + 1));
  } else {
    tell("Waiting for other videos", 0.2);
  }
  setTimeout(follow, ASK_EVERY, job, lost);
}

async function remove(button) {
  if (!window.confirm("Delete this report?")) return;
  const answer = await fetch("/reports/" + button.dataset.report, { method: "DELETE" });
  if (answer.ok || answer.status === 404) {
    button.closest("li").remove();
    chooser.focus();
  } else {
    fail(parsed(await answer.text()).detail || "It could not be deleted.");
  }
}

function many(videos) {
  return videos.length === 1 ? videos[0].name : videos.length + " videos";
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

function begin(text) {
  busy = true;
  working.hidden = false;
  tell(text, 0);
  working.scrollIntoView({ block: "nearest" });
}

function tell(text, part) {
  if (said.textContent !== text) said.textContent = text;
  bar.value = part;
}

function fail(text) {
  busy = false;
  working.hidden = true;
  failed.textContent = text;
  failed.hidden = false;
  chooser.value = "";
}

// Coming back from a report, the list may be longer.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) window.location.reload();
});
