"""The web page: server-rendered, for people who look."""
