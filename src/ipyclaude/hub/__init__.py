"""The token issuer: a JupyterHub service that trades a hub token for a short-lived JWT.

Convex trusts the JWT by the issuer's public keys (`customJwt`). Runs as
`python -m ipyclaude.hub`, which the hub starts and ends; needs the extra `ipyclaude[hub]`.
"""

from __future__ import annotations

#: The service's name, and so its place: /services/ipyclaude/
SERVICE = "ipyclaude"
#: What a user and their server must both hold to be signed in.
ACCESS_SCOPE = f"access:services!service={SERVICE}"
#: For whom the tokens are: `applicationID` of Convex's `customJwt`.
AUDIENCE = "ipyclaude"
ALGORITHM = "ES256"
