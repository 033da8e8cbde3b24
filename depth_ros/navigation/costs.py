"""Cell costs with a special meaning (nav2_costmap_2d/cost_values.hpp)."""

FREE_SPACE = 0
MAX_NON_OBSTACLE = 252
INSCRIBED_INFLATED_OBSTACLE = 253
LETHAL_OBSTACLE = 254
NO_INFORMATION = 255
