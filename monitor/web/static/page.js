// Keeps a page up to date. The server sends an event when something changed; the page is then
// fetched again, and only the differences are exchanged, so that focus, selection and scroll
// position stay.
//
// A page with old data must show that. Every event and every fetch has a deadline. If events
// do not arrive (a proxy buffers them, too many streams are open), the page polls instead; if
// fetches fail as well, it shows since when it has not been updated.
"use strict";

const EVENT_DEADLINE_MS = 15000; // The server sends an event every 5 s.
const POLL_MS = 5000;
const RETRY_EVENTS_MS = 60000;
const FETCH_DEADLINE_MS = 10000;
const STALE_MS = 20000;

const link = document.getElementById("link");
const notice = document.getElementById("stale");
const script = document.querySelector("script[src]").getAttribute("src");
let title = document.title;
let source = null;
let lastEvent = performance.now();
let lastUpdate = performance.now();
let lastPoll = -Infinity;
let eventsGivenUpAt = -Infinity;
let updating = false;
let again = false;
let failed = false;

function show(state, words) {
  if (link.textContent !== words) {
    link.className = state;
    link.textContent = words;
  }
}

function age(milliseconds) {
  const seconds = Math.round(milliseconds / 1000);
  return seconds < 120 ? `${seconds} s` : `${Math.floor(seconds / 60)} min`;
}

function judge(now) {
  const silent = now - lastUpdate;
  const stale = silent > STALE_MS && !document.hidden;
  document.body.classList.toggle("stale", stale);
  notice.hidden = !stale;
  document.title = stale ? `Not updated · ${title}` : title;
  if (stale) {
    const shown = document.querySelector(".asof time");
    notice.querySelector("strong").textContent = `Not updated since ${shown.textContent}`;
    notice.querySelector("span").textContent = ` (${age(silent)} ago): no answer from the monitor. Everything below is old.`;
    show("lost", "Not updated");
  } else {
    show("live", source && source.readyState === EventSource.OPEN ? "Live" : "Live, polling");
  }
}

// Makes `old` like `fresh`; descends only where they differ.
function renew(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName || old.id !== fresh.id) {
    old.replaceWith(fresh);
  } else if (old.nodeType !== Node.ELEMENT_NODE) {
    old.nodeValue = fresh.nodeValue;
  } else {
    renewAttributes(old, fresh);
    renewChildren(old, fresh);
  }
}

// A group that the reader opened or closed stays so until the server's default for it changes.
function renewAttributes(old, fresh) {
  const kept = old.nodeName === "DETAILS" && old.dataset.open === fresh.dataset.open;
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !(kept && name === "open")) old.removeAttribute(name);
  }
  for (const { name, value } of [...fresh.attributes]) {
    if (old.getAttribute(name) !== value && !(kept && name === "open")) old.setAttribute(name, value);
  }
}

// Children with an id are found again at any position; the others go by position, between them.
function renewChildren(old, fresh) {
  let place = old.firstChild;
  for (const child of [...fresh.childNodes]) {
    const known = child.id && [...old.children].find((one) => one.id === child.id);
    if (known && known !== place) {
      old.insertBefore(known, place);
      place = known;
    }
    if (!place || (child.id && !known) || (place.id && !child.id)) {
      old.insertBefore(child, place);
    } else {
      const next = place.nextSibling;
      renew(place, child);
      place = next;
    }
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}

async function update() {
  if (updating || document.hidden) {
    again = true;
    return;
  }
  updating = true;
  again = false;
  lastPoll = performance.now();
  try {
    const answer = await fetch(location.href, {
      headers: { Accept: "text/html" },
      cache: "no-store",
      signal: AbortSignal.timeout(FETCH_DEADLINE_MS),
    });
    if (!answer.ok && answer.status !== 404) throw new Error(answer.status);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const other = fresh.querySelector("script[src]");
    if (!other) throw new Error("not a page of the monitor");
    if (other.getAttribute("src") !== script) location.reload(); // The monitor was upgraded.
    title = fresh.title;
    for (const part of ["main", "footer", ".asof time", ".where", "link[rel=icon]"]) {
      const [old, now] = [document.querySelector(part), fresh.querySelector(part)];
      if (old && now) renew(old, now);
    }
    lastUpdate = performance.now();
    failed = false;
  } catch {
    failed = true; // judge() reports it as soon as the page is stale.
  }
  updating = false;
  judge(performance.now());
  if (again) update();
}

function listen() {
  lastEvent = performance.now();
  source = new EventSource(document.body.dataset.events);
  source.addEventListener("change", () => {
    lastEvent = performance.now();
    update();
  });
  source.addEventListener("beat", () => {
    lastEvent = performance.now();
    // Without a change the page is as current as the event.
    if (!updating && !again && !failed) lastUpdate = lastEvent;
  });
  source.onopen = () => {
    lastEvent = performance.now();
    update();
  };
}

function giveUpEvents(now) {
  source.close();
  source = null;
  eventsGivenUpAt = now;
}

function tick() {
  const now = performance.now();
  if (source && (source.readyState === EventSource.CLOSED || now - lastEvent > EVENT_DEADLINE_MS)) {
    giveUpEvents(now);
  }
  const streaming = source && source.readyState === EventSource.OPEN;
  if (!source && now - eventsGivenUpAt > RETRY_EVENTS_MS) listen();
  if ((!streaming || failed) && !document.hidden && now - lastPoll > POLL_MS) update();
  judge(now);
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) update();
});
addEventListener("pagehide", () => {
  if (source) giveUpEvents(-Infinity);
});
addEventListener("pageshow", (event) => {
  if (event.persisted && !source) listen();
});
show("", "Connecting");
setInterval(tick, 1000);
listen();
