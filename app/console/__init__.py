"""The desk in a browser: pages made on the server, forms that work without script, nothing from elsewhere."""
