return apply()
