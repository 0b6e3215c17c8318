/**
 * Return a sha256 in lower-case hex. The documentation of `_storage` shows hex, while backends
 * have given base64; both are read.
 */
export function hexOf(sha256: string) {
  if (/^[0-9a-f]{64}$/i.test(sha256)) return sha256.toLowerCase();
  const bytes = atob(sha256.replaceAll("-", "+").replaceAll("_", "/"));
  return [...bytes].map((byte) => byte.charCodeAt(0).toString(16).padStart(2, "0")).join("");
}
