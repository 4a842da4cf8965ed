// A wallet that is not ours: @openid4vc/openid4vp resolves the request and answers it, @sd-jwt/sd-jwt-vc presents.
// Reads {uri, credential, jwk, disclose} as JSON, writes what it understood and what it was answered.
import { createHash, randomBytes, webcrypto, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { setGlobalConfig } from "@openid4vc/oauth2";
import { Openid4vpClient } from "@openid4vc/openid4vp";
import { SDJwtVcInstance } from "@sd-jwt/sd-jwt-vc";
import { CompactEncrypt, compactVerify, exportJWK, importJWK, importX509 } from "jose";

const given = JSON.parse(readFileSync(0, "utf8"));
setGlobalConfig({ allowInsecureUrls: true }); // the test's server is on the loopback

const hash = (data, alg) => createHash(alg.replace("-", "")).update(data).digest();

async function verifyJwt(signer, { compact }) {
  if (signer.method !== "x5c") return { verified: false };
  const pem = `-----BEGIN CERTIFICATE-----\n${signer.x5c[0]}\n-----END CERTIFICATE-----`;
  const key = await importX509(pem, signer.alg, { extractable: true });
  await compactVerify(compact, key);
  return { verified: true, signerJwk: { ...(await exportJWK(key)), alg: signer.alg } };
}

async function encryptJwe(encryptor, data) {
  const jwe = await new CompactEncrypt(new TextEncoder().encode(data))
    .setProtectedHeader({ alg: encryptor.alg, enc: encryptor.enc, kid: encryptor.publicJwk.kid })
    .setKeyManagementParameters({
      apu: Buffer.from(encryptor.apu ?? "", "base64url"),
      apv: Buffer.from(encryptor.apv ?? "", "base64url"),
    })
    .encrypt(await importJWK(encryptor.publicJwk, encryptor.alg));
  return { jwe, encryptionJwk: encryptor.publicJwk };
}

const no = () => {
  throw new Error("a wallet does not do this here");
};
const client = new Openid4vpClient({
  callbacks: {
    hash,
    verifyJwt,
    encryptJwe,
    decryptJwe: no,
    signJwt: no,
    getX509CertificateMetadata: (der) => {
      const names = new X509Certificate(Buffer.from(der, "base64")).subjectAltName ?? "";
      const of = (kind) => names.split(", ").filter((one) => one.startsWith(kind)).map((one) => one.slice(kind.length));
      return { sanDnsNames: of("DNS:"), sanUriNames: of("URI:") };
    },
  },
});

async function present({ client_id, nonce }) {
  const key = await importJWK(given.jwk, "ES256");
  const instance = new SDJwtVcInstance({
    hasher: (data, alg) => hash(data, alg),
    hashAlg: "sha-256",
    saltGenerator: () => randomBytes(16).toString("base64url"),
    kbSignAlg: "ES256",
    kbSigner: async (data) => {
      const bytes = new TextEncoder().encode(data);
      const signature = await webcrypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, key, bytes);
      return Buffer.from(signature).toString("base64url");
    },
  });
  const frame = Object.fromEntries(given.disclose.map((name) => [name, true]));
  const payload = { iat: Math.floor(Date.now() / 1000), aud: client_id, nonce };
  return instance.present(given.credential, frame, { kb: { payload } });
}

const parsed = client.parseOpenid4vpAuthorizationRequest({ authorizationRequest: given.uri });
const resolved = await client.resolveOpenId4vpAuthorizationRequest({ authorizationRequestPayload: parsed.params });
const request = resolved.authorizationRequestPayload;
const query = resolved.dcql.query;
const told = {
  version: resolved.version,
  prefix: resolved.client.prefix,
  signer: resolved.jar?.signer.method,
  mode: request.response_mode,
  name: request.client_metadata.client_name,
  purpose: request.verifier_info[0].data.purpose_zh,
  asked: query.credentials.map((one) => [one.id, one.format, one.claims.map((claim) => claim.path.join("."))]),
};

const vp_token = { [query.credentials[0].id]: [await present(request)] };
const encrypted = request.response_mode === "direct_post.jwt";
const made = await client.createOpenid4vpAuthorizationResponse({
  authorizationRequestPayload: request,
  authorizationResponsePayload: { vp_token },
  ...(encrypted && {
    jarm: {
      encryption: { nonce: "wallet-made" },
      serverMetadata: {
        authorization_encryption_alg_values_supported: ["ECDH-ES"],
        authorization_encryption_enc_values_supported: ["A256GCM"],
      },
    },
  }),
});
const send = async () => {
  const { response } = await client.submitOpenid4vpAuthorizationResponse({
    authorizationRequestPayload: request,
    authorizationResponsePayload: made.authorizationResponsePayload,
    jarm: made.jarm && { responseJwt: made.jarm.responseJwt },
  });
  return [response.status, await response.json()];
};
told.first = await send();
told.second = await send();
console.log(JSON.stringify(told));
