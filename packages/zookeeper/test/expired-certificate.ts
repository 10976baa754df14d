/**
 * A certificate for `localhost` and `127.0.0.1` that signs itself and expired on 2024-01-02, and its key. Both are public and for
 * tests only: `openssl ca -selfsign -startdate 20200101000000Z -enddate 20240102000000Z`.
 */
export const expiredCertificate = {
  cert: `-----BEGIN CERTIFICATE-----
MIIBZjCCAQ2gAwIBAgIURSKugRaT7V3k6NWbS1TIkEE32lQwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MB4XDTIwMDEwMTAwMDAwMFoXDTI0MDEwMjAw
MDAwMFowFDESMBAGA1UEAwwJbG9jYWxob3N0MFkwEwYHKoZIzj0CAQYIKoZIzj0D
AQcDQgAEX23D1bFFwel9XbNzdVtwLDzcIcR2UXPwEYN3oO9WlAcrLW+H0xsw9LRW
DfyByHHcxqXzZLdFx1rSFx+kr+rLRaM9MDswGgYDVR0RBBMwEYIJbG9jYWxob3N0
hwR/AAABMB0GA1UdDgQWBBSnyj2MWz+p9QXw8c+VbhraaNBpYjAKBggqhkjOPQQD
AgNHADBEAiAKnoCxBN2w3ekYNmpzIwankGrPrbkyX9FfYb8j1Ia37gIgf8i6bEPc
REmR0hgF8BBBEHDvwdYzZgjagQcrr2fpNUo=
-----END CERTIFICATE-----
`,
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQguM/deD4UYjlLvC1K
Pn8OySEkH1AdY0NBtDiuYiwRvlShRANCAARfbcPVsUXB6X1ds3N1W3AsPNwhxHZR
c/ARg3eg71aUBystb4fTGzD0tFYN/IHIcdzGpfNkt0XHWtIXH6Sv6stF
-----END PRIVATE KEY-----
`,
} as const
