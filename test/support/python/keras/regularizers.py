class L2:
    def __init__(self, l2=0.01):
        self.l2 = l2
