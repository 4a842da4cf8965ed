// Issues and verifies the same credential with @sd-jwt/sd-jwt-vc; prints microseconds of CPU time of one call each.
import { randomBytes, webcrypto } from 'node:crypto';
import { SDJwtVcInstance } from '@sd-jwt/sd-jwt-vc';

const { subtle } = webcrypto;
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
let text = '';
for await (const chunk of process.stdin) text += chunk;
const { claims, shown, holder, count } = JSON.parse(text);

const issuer = await subtle.generateKey(algorithm, true, ['sign', 'verify']);
const own = await subtle.importKey('jwk', { ...holder, key_ops: undefined, kid: undefined }, algorithm, false, ['sign']);
const { d, ...publicJwk } = holder;
const bound = await subtle.importKey('jwk', { ...publicJwk, key_ops: undefined }, algorithm, false, ['verify']);
const signed = (key) => async (data) =>
  Buffer.from(await subtle.sign(algorithm, key, Buffer.from(data))).toString('base64url');
const holds = (key) => (data, signature) =>
  subtle.verify(algorithm, key, Buffer.from(signature, 'base64url'), Buffer.from(data));

const instance = new SDJwtVcInstance({
  signAlg: 'ES256',
  kbSignAlg: 'ES256',
  hashAlg: 'sha-256',
  signer: signed(issuer.privateKey),
  verifier: holds(issuer.publicKey),
  kbSigner: signed(own),
  kbVerifier: holds(bound),
  hasher: async (data) =>
    new Uint8Array(await subtle.digest('SHA-256', typeof data === 'string' ? Buffer.from(data) : data)),
  saltGenerator: async () => randomBytes(16).toString('base64url'),
});
const now = Math.floor(Date.now() / 1000);
const payload = {
  iss: 'https://xueji.example',
  vct: 'https://xueji.example/v1/identity/types/student/1',
  iat: now,
  exp: now + 86400,
  cnf: { jwk: publicJwk },
  ...claims,
};
const frame = { _sd: Object.keys(claims), _sd_decoy: 6 };
const issue = () => instance.issue(payload, frame);
const credential = await issue();
const presentation = await instance.present(credential, Object.fromEntries(shown.map((name) => [name, true])), {
  kb: { payload: { iat: now, aud: 'library.example', nonce: 'n' } },
});
const verify = () => instance.verify(presentation, { keyBindingNonce: 'n' });

async function microseconds(work) {
  let best = Infinity;
  for (let round = 0; round < 5; round += 1) {
    const start = process.cpuUsage();
    for (let at = 0; at < count; at += 1) await work();
    const { user, system } = process.cpuUsage(start);
    best = Math.min(best, (user + system) / count);
  }
  return best;
}

await verify();
console.log(JSON.stringify({ issue: await microseconds(issue), verify: await microseconds(verify) }));
