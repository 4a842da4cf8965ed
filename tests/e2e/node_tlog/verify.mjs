// Verifies our checkpoints and inclusion proofs with Sigstore's verifier (the one npm uses), its internals alone.
// Standard input: { key (DER, base64), keyId (hex), origin, proofs: [{ index, body, proof, checkpoint }] }.
import { createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);
const dist = dirname(require.resolve('@sigstore/verify'));
const { verifyCheckpoint } = require(join(dist, 'tlog', 'checkpoint.js'));
const { verifyMerkleInclusion } = require(join(dist, 'tlog', 'merkle.js'));

const asked = JSON.parse(readFileSync(0, 'utf8'));
const bytes = (text) => Buffer.from(text, 'base64');
const log = {
  logID: Buffer.from(asked.keyId, 'hex'),
  baseURL: asked.origin,
  publicKey: createPublicKey({ key: bytes(asked.key), format: 'der', type: 'spki' }),
};
const told = asked.proofs.map(({ index, body, proof, checkpoint }) => {
  const entry = {
    canonicalizedBody: bytes(body),
    inclusionProof: { logIndex: String(index), hashes: proof.map(bytes), checkpoint: { envelope: checkpoint } },
  };
  try {
    const opened = verifyCheckpoint(entry, [log]);
    verifyMerkleInclusion(entry, opened);
    return { ok: opened.origin === asked.origin, size: Number(opened.logSize) };
  } catch (error) {
    return { ok: false, code: error.code ?? String(error) };
  }
});
process.stdout.write(JSON.stringify(told));
