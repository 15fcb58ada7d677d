"""What authors are promised, under the worst circumstances."""
