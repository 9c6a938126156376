"""What models and routes cannot say by themselves: words, limits, examples, each operation's answers."""
