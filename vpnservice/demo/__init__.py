"""The whole shop on one computer: every role, the sandbox beside them, and one process that minds them."""
