"""What the MongoDB backend has without colour: error mapping, queries, and the form of GridFS documents."""
