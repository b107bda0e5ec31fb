mod damage;
mod reading;
mod trips;
mod writing;

use tidegate_testkit::doubles;
