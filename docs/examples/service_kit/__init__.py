"""What both example services are made of: the store of a request, who asks, errors, entity tags."""
