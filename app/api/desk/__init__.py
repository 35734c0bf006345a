"""What a lender's staff see and do. Every door here asks for a key of scope desk; people appear by their loans alone."""
