// Keeps a page up to date: the server says that something changed, the page is fetched anew,
// and only what is different is exchanged, so that focus, selection and scrolling stay.
"use strict";

const RETRY_MS = 15000;
const link = document.getElementById("link");
let updating = false;
let again = false;

function say(state, words) {
  if (link.textContent !== words) {
    link.className = state;
    link.textContent = words;
  }
}

// Makes `old` like `fresh`, going down only where they differ.
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

// A group that the reader opened or shut stays so, until the server thinks otherwise of it.
function renewAttributes(old, fresh) {
  const kept = old.nodeName === "DETAILS" && old.dataset.open === fresh.dataset.open;
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !(kept && name === "open")) old.removeAttribute(name);
  }
  for (const { name, value } of [...fresh.attributes]) {
    if (old.getAttribute(name) !== value && !(kept && name === "open")) old.setAttribute(name, value);
  }
}

// Children with an id are found again wherever they went; the others go by their place.
function renewChildren(old, fresh) {
  let place = old.firstChild;
  for (const child of [...fresh.childNodes]) {
    const known = child.id && [...old.children].find((one) => one.id === child.id);
    if (known && known !== place) {
      old.insertBefore(known, place);
      place = known;
    }
    if (!place || (child.id && !known)) {
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
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok && answer.status !== 404) throw new Error(answer.status);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    document.title = fresh.title;
    for (const part of ["main", "footer", ".asof time", ".where", "link[rel=icon]"]) {
      const [old, now] = [document.querySelector(part), fresh.querySelector(part)];
      if (old && now) renew(old, now);
    }
    say("live", "Live");
  } catch {
    say("lost", "Not up to date: no answer.");
  }
  updating = false;
  if (again) update();
}

function listen() {
  const source = new EventSource(document.body.dataset.events);
  source.addEventListener("change", update);
  source.onopen = () => {
    say("live", "Live");
    update();
  };
  source.onerror = () => {
    say("lost", "Not up to date: connection lost.");
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, RETRY_MS);
  };
  addEventListener("pagehide", () => source.close(), { once: true });
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden && again) update();
});
addEventListener("pageshow", (event) => {
  if (event.persisted) listen();
});
listen();
