"""What theory predicts before anything is measured: closed formulas and small simulations."""
