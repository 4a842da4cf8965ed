// openid-client, unmodified, with the answer as a form, and jose for the logout token. One line of JSON in, one out.
import * as client from 'openid-client'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { createInterface } from 'node:readline'

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const read = async () => JSON.parse((await lines.next()).value)
const task = await read()
const key = await crypto.subtle.importKey('jwk', task.jwk, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'])
const config = await client.discovery(new URL(task.issuer), task.clientId, undefined,
  client.PrivateKeyJwt({ key, kid: task.jwk.kid }),
  { execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks] })
const metadata = config.serverMetadata()
const verifier = client.randomPKCECodeVerifier()
const [expectedState, expectedNonce] = [client.randomState(), client.randomNonce()]

const steps = {
  async authorize() {
    const asked = {
      redirect_uri: task.redirectUri, scope: 'openid', response_mode: 'form_post',
      code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
      state: expectedState, nonce: expectedNonce,
    }
    return { url: (await client.buildAuthorizationUrlWithPAR(config, asked)).href }
  },
  async callback({ form }) {
    const answer = new Request(task.redirectUri, { method: 'POST', body: new URLSearchParams(form) })
    const tokens = await client.authorizationCodeGrant(config, answer,
      { pkceCodeVerifier: verifier, expectedState, expectedNonce })
    return { claims: tokens.claims() }
  },
  async logout({ token }) {
    const { payload } = await jwtVerify(token, createRemoteJWKSet(new URL(metadata.jwks_uri)), {
      issuer: metadata.issuer, audience: task.clientId, typ: 'logout+jwt', algorithms: ['ES256'],
      requiredClaims: ['iat', 'exp', 'jti', 'events', 'sid'],
    })
    return { payload, supported: metadata.backchannel_logout_session_supported }
  },
}

for (let step = await read(); step.step !== 'end'; step = await read()) {
  let result
  try {
    result = await steps[step.step](step)
  } catch (error) {
    result = { error: `${error.code ?? error} ${error.cause ?? ''}` }
  }
  console.log(JSON.stringify(result))
}
process.exit(0)
