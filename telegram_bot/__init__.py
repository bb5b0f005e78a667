"""The customer's interface: update inbox, handlers, screens, and the process that runs them."""
