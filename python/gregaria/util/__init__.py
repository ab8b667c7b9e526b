"""Small functions under the names that Locust gives them, so that plugins and locustfiles find them."""
