"""The formats in which joints come: a file for each family of them."""
