"""Consents: what a borrower can agree to, by the law packs' names."""

CONTACT = "contact"
"""Being contacted on a channel at all; refused, it is an opt-out."""
CONSENT_PURPOSES = frozenset(
    {
        "contact_by_text", "automated_call", "call_back", "third_party_contact", "direct_contact_despite_attorney",
        "marketing", "electronic_delivery", "credit_reporting", "credit_query", "data_sharing", "sensitive_data",
        "publication", "extra_hours",
    }
)  # fmt: skip
"""Purposes of the law packs' vocabulary."""
