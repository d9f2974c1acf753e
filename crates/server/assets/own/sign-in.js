// Passkeys at the sign-in.
