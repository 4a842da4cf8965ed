// Verifies one presentation with @sd-jwt/sd-jwt-vc, given a JSON object on standard input; prints one JSON object.
import { webcrypto } from 'node:crypto';
import { SDJwtVcInstance } from '@sd-jwt/sd-jwt-vc';

const { subtle } = webcrypto;
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

async function holds(jwk, data, signature) {
  const key = await subtle.importKey('jwk', { ...jwk, key_ops: undefined }, algorithm, false, ['verify']);
  return subtle.verify(algorithm, key, Buffer.from(signature, 'base64url'), Buffer.from(data));
}

let text = '';
for await (const chunk of process.stdin) text += chunk;
const input = JSON.parse(text);

const instance = new SDJwtVcInstance({
  hasher: async (data, alg) => {
    if (alg.toLowerCase() !== 'sha-256') throw new Error(`unexpected hash ${alg}`);
    return new Uint8Array(await subtle.digest('SHA-256', typeof data === 'string' ? Buffer.from(data) : data));
  },
  verifier: (data, signature) => holds(input.issuer_jwk, data, signature),
  kbVerifier: (data, signature, payload) => holds(payload.cnf.jwk, data, signature),
  statusVerifier: (data, signature) => holds(input.issuer_jwk, data, signature),
  statusListFetcher: async (uri) => {
    if (uri !== input.status_uri) throw new Error('unexpected status list');
    return input.status_list_token;
  },
});

try {
  const result = await instance.verify(input.presentation, {
    currentDate: input.now,
    keyBindingNonce: input.nonce,
    requiredClaimKeys: input.required,
  });
  console.log(JSON.stringify({ valid: true, payload: result.payload, kb: result.kb }));
} catch (error) {
  console.log(JSON.stringify({ valid: false, error: String(error.message ?? error) }));
}
