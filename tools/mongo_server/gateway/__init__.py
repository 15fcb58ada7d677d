"""The gateway: a process that speaks MongoDB's wire protocol in front of PostgreSQL with DocumentDB.

A *message* is one frame of the protocol, a *command* the document inside it, a *reply* the document that
answers it. BSON goes through untouched in both directions: PostgreSQL takes and gives the same bytes. `wire`
frames messages, `command` parses them, `statements` knows which SQL function answers which command,
`transactions` holds the multi-document transactions, `retries` knows writes that come twice, `failpoints`
makes commands fail on request, `dispatch` brings these together, and `listener` serves the clients.
"""
