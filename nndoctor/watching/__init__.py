"""`nndoctor watch`: a whole training under instruments that cost a few per cent at most and change nothing.

No experiments, no function mode, no epoch is cut. Off a sampled step the only work is to note the loss and the clock.
"""
