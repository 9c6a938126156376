"""The short way of what comes most, an ordinary delivery or a look at a job: each layer counts.

A connection hands over the bytes of a request as they came, and gets the answer later by a call: no request is made of
them, and no task. What is not ordinary to the letter is left to the way of every request. Both ways meet in
`service.webhooks` and `service.answers`.
"""
