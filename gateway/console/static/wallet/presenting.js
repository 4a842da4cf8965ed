/* Answers a verifier's request: OpenID4VP 1.0, with the signed request of this site alone. */

import { decodeBase64, decodeJson, digest, encode, random } from "./bytes.js";
import { publicKeyOf } from "./certificate.js";
import { encrypt } from "./encryption.js";
import { RefusedError, call, isOurs, now } from "./http.js";
import { importSpki, verify } from "./keys.js";
import { claimsOf, present } from "./sd_jwt.js";
import * as store from "./store.js";

const FORM = { "Content-Type": "application/x-www-form-urlencoded" };
const MODES = ["direct_post", "direct_post.jwt"];

/* The request behind a link (section 5.10.1), when everything about it holds. */
export async function open(parameters) {
  const clientId = parameters.get("client_id");
  const address = parameters.get("request_uri");
  const nonce = random(16);
  const body = new URLSearchParams({ wallet_nonce: nonce }).toString();
  const compact = await (await call(address, { method: "POST", headers: FORM, body })).text();
  const request = await signedBy(compact, clientId);
  const [query, ...others] = request.dcql_query.credentials;
  const good =
    request.client_id === clientId &&
    request.wallet_nonce === nonce &&
    request.aud === "https://self-issued.me/v2" &&
    request.exp > now() &&
    request.response_type === "vp_token" &&
    MODES.includes(request.response_mode) &&
    isOurs(request.response_uri) &&
    typeof request.nonce === "string" &&
    typeof request.state === "string" &&
    others.length === 0 &&
    request.dcql_query.credential_sets === undefined &&
    query.format === "dc+sd-jwt" &&
    query.claims.every((one) => one.path.length === 1 && one.values === undefined);
  if (!good) throw new RefusedError(0, "invalid_request");
  const info = request.verifier_info?.[0]?.data ?? {};
  return {
    request,
    queryId: query.id,
    types: query.meta.vct_values,
    names: query.claims.map((one) => one.path[0]),
    asker: request.client_metadata.client_name,
    purpose: { zh: info.purpose_zh ?? "", en: info.purpose_en ?? "" },
    grant: info.grant ?? "",
  };
}

/* The payload of a request object; the client identifier is the hash of the certificate that signed it (5.9.3). */
async function signedBy(compact, clientId) {
  const header = decodeJson(compact.split(".")[0]);
  if (header.typ !== "oauth-authz-req+jwt" || header.alg !== "ES256") throw new RefusedError(0, "invalid_request");
  const certificate = decodeBase64(header.x5c[0]);
  const named = `x509_hash:${encode(await digest(certificate))}` === clientId;
  if (!named || !(await verify(compact, await importSpki(publicKeyOf(certificate))))) {
    throw new RefusedError(0, "invalid_request");
  }
  return decodeJson(compact.split(".")[1]);
}

/* An unused credential of the type that is asked for; of those, one that has every claim if there is one. */
export async function choose(asked) {
  const fit = (await store.unused()).filter((one) => asked.types.includes(one.vct) && one.expires > now());
  const whole = fit.find((one) => {
    const claims = claimsOf(one.credential);
    return asked.names.every((name) => claims.has(name));
  });
  return whole ?? fit[0] ?? null;
}

/* Presents `held`. It is marked as used before anything is sent, and deleted after, whatever came of it. */
export async function answer(asked, held) {
  const { request } = asked;
  const binding = { audience: request.client_id, nonce: request.nonce, iat: now() };
  const shown = await present(held.credential, asked.names, held.key, binding);
  const token = { [asked.queryId]: [shown] };
  const form = new URLSearchParams();
  if (request.response_mode === "direct_post.jwt") {
    const jwk = request.client_metadata.jwks.keys.find((one) => one.use === "enc");
    form.set("response", await encrypt({ vp_token: token, state: request.state }, jwk));
  } else {
    form.set("vp_token", JSON.stringify(token));
    form.set("state", request.state);
  }
  if (!(await store.take(held.id))) throw new RefusedError(0, "used");
  try {
    await send(request, form);
  } finally {
    await store.drop(held.id);
  }
}

export const decline = ({ request }) =>
  send(request, new URLSearchParams({ error: "access_denied", state: request.state }));

const send = (request, form) => call(request.response_uri, { method: "POST", headers: FORM, body: form.toString() });
