"""E-mail: submission to a relay by SMTP, and what the relay posts back of bounces, complaints and replies."""
