/* The wallet's states: nothing yet, an offer, a request, what is held, and how it went. */

import { now } from "./http.js";
import * as issuing from "./issuing.js";
import { at, fillClaims, fillHome, put, show, tell, warn } from "./page.js";
import * as presenting from "./presenting.js";
import { claimsOf } from "./sd_jwt.js";
import * as store from "./store.js";
import { errorOf, named } from "./words.js";

const SPENT = { zh: "没有可用的凭证，请先向学校申领。", en: "No credential is left; ask the school for new ones." };
const MISSING = { zh: "凭证中没有所请求的内容，无法出示。", en: "Your credential does not have what is asked for." };

let offer = null;
let asked = null;
let chosen = null;

/* Takes what the link carries out of the address bar, so that it stays in no history. */
function taken() {
  const parameters = new URLSearchParams(location.hash.slice(1));
  history.replaceState(null, "", location.pathname);
  return parameters;
}

/* Does `work` while the page says to wait; what fails is told and goes no further, least of all into a log. */
async function doing(work) {
  show("busy");
  try {
    await work();
  } catch (error) {
    const { zh, en } = errorOf(error);
    tell("bad", zh, en);
  }
}

async function start() {
  const parameters = taken();
  offer = asked = chosen = null;
  await doing(async () => {
    await store.sweep(now());
    if (parameters.has("credential_offer") || parameters.has("credential_offer_uri")) await showOffer(parameters);
    else if (parameters.has("openid4vp")) await showRequest(new URLSearchParams(parameters.get("openid4vp")));
    else await showHome();
  });
}

async function showHome() {
  const [batches, unused] = await Promise.all([store.batches(), store.unused()]);
  const held = batches
    .map((batch) => ({ batch, own: unused.filter((one) => one.batch === batch.id && one.expires > now()) }))
    .filter(({ own }) => own.length)
    .map(({ batch, own }) => ({ batch, count: own.length, claims: claimsOf(own[0].credential) }));
  fillHome(held);
  show(held.length ? "home" : "empty");
}

async function showOffer(parameters) {
  offer = await issuing.open(parameters);
  const title = named(offer.configuration.credential_metadata.display);
  put("offer-zh", title.zh);
  put("offer-en", title.en);
  at("digits").value = "";
  warn("digits-wrong", null);
  show("offer");
  at("digits").focus();
}

async function receive() {
  const digits = at("digits").value.trim();
  if (!/^\d{6}$/.test(digits)) {
    warn("digits-wrong", { zh: "请输入 6 位数字。", en: "Enter six digits." });
    return;
  }
  show("busy");
  try {
    const count = await issuing.receive(offer, digits);
    offer = null;
    navigator.storage?.persist?.();
    tell("good", `已领取 ${count} 份凭证`, `${count} credentials received`);
  } catch (error) {
    warn("digits-wrong", errorOf(error));
    show("offer");
  }
}

async function showRequest(parameters) {
  asked = await presenting.open(parameters);
  chosen = await presenting.choose(asked);
  const claims = chosen === null ? new Map() : claimsOf(chosen.credential);
  put("asker", asked.asker);
  put("purpose-zh", asked.purpose.zh);
  put("purpose-en", asked.purpose.en);
  put("grant", asked.grant);
  fillClaims(at("asked"), asked.names, claims);
  const whole = asked.names.every((name) => claims.has(name));
  warn("cannot", whole ? null : chosen === null ? SPENT : MISSING);
  at("agree").hidden = !whole;
  show("consent");
}

const agree = () =>
  doing(async () => {
    await presenting.answer(asked, chosen);
    tell("good", "已出示", "Presented");
  });

const decline = () =>
  doing(async () => {
    await presenting.decline(asked);
    tell("", "未出示", "Nothing was presented");
  });

const deleteAll = () =>
  doing(async () => {
    const batches = await store.batches();
    await store.clear();
    const told = await Promise.all(batches.map((one) => issuing.notify(one, "credential_deleted")));
    if (told.every(Boolean)) tell("good", "已全部删除并作废", "All deleted and ended");
    else tell("bad", "已全部删除；签发机构暂未收到通知", "All deleted; the issuer could not be told");
  });

at("receive").addEventListener("click", receive);
at("digits").addEventListener("keydown", (event) => {
  if (event.key === "Enter") receive();
});
at("agree").addEventListener("click", agree);
at("decline").addEventListener("click", decline);
at("delete").addEventListener("click", () => (at("delete-sure").hidden = false));
at("delete-sure").addEventListener("click", deleteAll);
for (const id of ["message-close", "offer-close"]) at(id).addEventListener("click", () => doing(showHome));
addEventListener("hashchange", () => {
  if (location.hash.includes("=")) start(); // another link; not a place of this page
});
start();
