"""What a GPU spends on a frame, beside what the network alone takes."""
