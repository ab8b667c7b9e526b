"""What the tests share: the test server as a process, load testers as processes, and reading what they wrote."""
