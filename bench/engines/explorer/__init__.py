"""The engine `explorer`: the programs that race for real, over the store in memory, in every order there is."""
