/* Fetches a batch of one-time credentials: OpenID4VCI 1.0, pre-authorised code, token bound by DPoP (RFC 9449). */

import { decodeJson, digest, encode, random, utf8 } from "./bytes.js";
import { RefusedError, call, getJson, isOurs, now } from "./http.js";
import { importJwk, makeKey, publicJwk, sign, verify } from "./keys.js";
import { isWhole, payloadOf, split } from "./sd_jwt.js";
import * as store from "./store.js";

const GRANT = "urn:ietf:params:oauth:grant-type:pre-authorized_code";
const MOST = 10;
const FORM = { "Content-Type": "application/x-www-form-urlencoded" };

/* The offer behind a link, and what its issuer says of itself; both must be of this site. */
export async function open(parameters) {
  const given = parameters.get("credential_offer");
  const offer = given === null ? await getJson(parameters.get("credential_offer_uri")) : JSON.parse(given);
  const issuer = offer.credential_issuer;
  if (!isOurs(issuer)) throw new RefusedError(0, "foreign_origin");
  const [metadata, server] = await Promise.all([
    getJson(new URL("/.well-known/openid-credential-issuer", location.origin)),
    getJson(new URL("/.well-known/oauth-authorization-server", location.origin)),
  ]);
  const [id] = offer.credential_configuration_ids;
  const configuration = metadata.credential_configurations_supported[id];
  const code = offer.grants[GRANT]["pre-authorized_code"];
  if (metadata.credential_issuer !== issuer || server.issuer !== issuer || !configuration || !code) {
    throw new RefusedError(0, "invalid_offer");
  }
  return { issuer, metadata, server, id, configuration, code, session: null };
}

/* Redeems the offer and keeps the batch. What failed after the token may be called again: the token stays good. */
export async function receive(offer, digits) {
  offer.session ??= await redeem(offer, digits);
  const { issuer, metadata, session } = offer;
  const size = Math.min(metadata.batch_credential_issuance?.batch_size ?? 1, MOST);
  const nonce = (await getJson(metadata.nonce_endpoint, { method: "POST" })).c_nonce;
  const pairs = await Promise.all(Array.from({ length: size }, makeKey));
  const proofs = await Promise.all(
    pairs.map(async (pair) =>
      sign(
        { typ: "openid4vci-proof+jwt", jwk: await publicJwk(pair) },
        { aud: issuer, iat: now(), nonce },
        pair,
      ),
    ),
  );
  const wish = { credential_configuration_id: offer.id, proofs: { jwt: proofs } };
  const answer = await (await post(session, metadata.credential_endpoint, wish)).json();
  const batch = {
    id: random(16),
    display: offer.configuration.credential_metadata.display,
    session,
    notification: { endpoint: metadata.notification_endpoint, id: answer.notification_id },
  };
  try {
    const held = await checked(offer, answer.credentials, pairs);
    batch.expires = Math.min(...held.map((one) => one.expires));
    await store.add(batch, held);
  } catch (error) {
    await notify(batch, "credential_failure");
    throw error;
  }
  await notify(batch, "credential_accepted");
  return size;
}

/* Tells the issuer what became of a batch (section 11); says whether it took note. */
export async function notify(batch, event) {
  try {
    await post(batch.session, batch.notification.endpoint, { notification_id: batch.notification.id, event });
    return true;
  } catch {
    return false; // the issuer does not depend on it: credentials end by themselves
  }
}

async function redeem(offer, digits) {
  const key = await makeKey();
  const address = offer.server.token_endpoint;
  const form = new URLSearchParams({ grant_type: GRANT, "pre-authorized_code": offer.code, tx_code: digits });
  const headers = { ...FORM, DPoP: await dpop(key, address) };
  const answer = await getJson(address, { method: "POST", headers, body: form.toString() });
  if (answer.token_type !== "DPoP") throw new RefusedError(0, "invalid_token");
  return { token: answer.access_token, key };
}

async function post({ token, key }, address, body) {
  const headers = {
    "Content-Type": "application/json",
    Authorization: `DPoP ${token}`,
    DPoP: await dpop(key, address, token),
  };
  return call(address, { method: "POST", headers, body: JSON.stringify(body) });
}

async function dpop(key, address, token) {
  const claims = { jti: random(16), htm: "POST", htu: address, iat: now() };
  if (token !== undefined) claims.ath = encode(await digest(utf8(token)));
  return sign({ typ: "dpop+jwt", jwk: await publicJwk(key) }, claims, key);
}

/* The credentials with their keys, each signed by the issuer for the key that was proven in its place. */
async function checked(offer, answered, pairs) {
  if (!Array.isArray(answered) || answered.length !== pairs.length) throw new Error("not what was asked");
  const known = await getJson(new URL("/.well-known/jwt-vc-issuer", location.origin));
  return Promise.all(
    answered.map(async ({ credential }, at) => {
      const { issuerJwt } = split(credential);
      const header = decodeJson(issuerJwt.split(".")[0]);
      const payload = payloadOf(credential);
      const jwk = known.jwks.keys.find((one) => one.kid === header.kid);
      const own = await publicJwk(pairs[at]);
      const good =
        known.issuer === offer.issuer &&
        payload.iss === offer.issuer &&
        payload.vct === offer.configuration.vct &&
        payload.cnf?.jwk?.x === own.x &&
        payload.cnf.jwk.y === own.y &&
        payload.exp > now() &&
        jwk !== undefined &&
        (await verify(issuerJwt, await importJwk(jwk))) &&
        (await isWhole(credential));
      if (!good) throw new Error("not what was asked");
      return { credential, key: pairs[at], vct: payload.vct, expires: payload.exp };
    }),
  );
}
