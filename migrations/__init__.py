"""Steps of the stored format, one module each, in the order of their numbers. Shipped inside the wheel."""
