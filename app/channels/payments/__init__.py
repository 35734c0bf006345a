"""Payment providers: a page to pay at, asking how a payment stands, its posts, refunds. Values only; no card data."""
