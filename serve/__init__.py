"""The local app and its API: a page that videos are dropped on, and the same for programs.

The server's own process takes requests, checks them, and holds uploads for as long as they are
asked about; it never looks into them. One child process, which holds the networks, opens, decodes
and scores them, within limits of memory and time. So a file that breaks a decoder ends the child
alone, which is started anew; and frames, which are large, need not be handed between processes.
"""
